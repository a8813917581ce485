//! Words and limits of Anthropic Messages.
