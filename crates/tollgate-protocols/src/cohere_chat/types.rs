//! Words and limits of Cohere v2 chat.
