"""From landed files to a frozen, labelled snapshot."""
