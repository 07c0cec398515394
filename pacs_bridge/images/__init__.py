"""Reading what is in an archived image: attributes, frames, and values ready to be shown."""
