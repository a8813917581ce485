//! Words and limits of Gemini `generateContent`.
