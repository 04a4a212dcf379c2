//! What many trust domains share costs time and memory linear in their number.
