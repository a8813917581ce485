//! Errors of Cohere v2 chat.
