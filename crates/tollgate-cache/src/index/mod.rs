//! Nearest neighbours among the vectors of cached prompts, kept apart by namespace.
