"""A case without identity for tele-consultation: made, checked, and its opinions taken back."""
