//! A denied key authenticates nothing.
