//! Nothing foreign reaches a terminal, a label, a page or a push unescaped.
