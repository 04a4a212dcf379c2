//! A flood of one kind hides nothing of another, and budgets are apart.
