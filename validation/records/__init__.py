"""How well records are matched with patients, measured."""
