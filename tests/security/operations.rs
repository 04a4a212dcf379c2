//! An operation runs to its end, whoever waits for it.
