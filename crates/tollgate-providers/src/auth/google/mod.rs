//! Google's OAuth tokens for Vertex AI, kept until they are about to expire
//! (<https://developers.google.com/identity/protocols/oauth2/service-account#httprest>).

mod credentials;
mod exchange;
mod jwt;
mod token;

pub use credentials::GoogleCredentials;
pub use token::GoogleToken;
