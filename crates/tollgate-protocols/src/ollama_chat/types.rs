//! Words and limits of Ollama's `/api/chat`.
