"""The page that confronts the report: its runs, its claims, its tables with ours beside them."""
