//! What can be told of prompts and answers by their words alone.
