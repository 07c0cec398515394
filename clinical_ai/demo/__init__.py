"""Studies to try the system with: a chest CT phantom and two mammography cases."""
