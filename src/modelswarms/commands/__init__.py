"""What the verbs beside the search do, callable from Python."""

__all__: list[str] = []
