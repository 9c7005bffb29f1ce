"""May the challenger replace the champion? Facts in, verdict out."""
