//! Dead names hold up nobody.
