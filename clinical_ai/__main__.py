"""``python -m clinical_ai`` is the command ``clinical-ai``."""

from clinical_ai.cli import main

if __name__ == "__main__":
    main()
