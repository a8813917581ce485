//! Whom TLS trusts.

use std::sync::{Arc, OnceLock};

use rustls::{ClientConfig, RootCertStore};

/// TLS to servers that this system trusts. Made at first use and shared: the roots are read from the disk, which takes some
/// milliseconds, and take a megabyte.
#[must_use]
pub fn system() -> &'static ClientConfig {
    static CONFIG: OnceLock<ClientConfig> = OnceLock::new();
    CONFIG.get_or_init(|| {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if roots.is_empty() {
            // Images made from nothing have no certificates; Mozilla's list, compiled in, is better than no TLS.
            roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        }
        trusting(roots)
    })
}

/// TLS to no server at all, for who is not going to talk to one.
#[must_use]
pub fn nobody() -> ClientConfig {
    trusting(RootCertStore::empty())
}

fn trusting(roots: RootCertStore) -> ClientConfig {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    match ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions() {
        Ok(builder) => builder.with_root_certificates(roots).with_no_client_auth(),
        Err(error) => unreachable!("ring supports the default protocol versions: {error}"),
    }
}
