//! Sentence embeddings on the processor.
