//! Words and limits of OpenAI Chat Completions.
