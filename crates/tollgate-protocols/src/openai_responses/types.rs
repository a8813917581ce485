//! Words and limits of OpenAI Responses.
