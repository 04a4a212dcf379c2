//! The store reports when it is damaged, and the watch pages for itself.
