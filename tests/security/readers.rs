//! Readers cost a bounded amount.
