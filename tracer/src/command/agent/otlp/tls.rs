//! By which certificates a collector is known to us, and we to it.

use std::path::Path;
use std::sync::Arc;

use hyper::http::uri::Scheme;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};

use super::settings::Settings;

/// Reads what the settings name; what the host trusts only where it is needed.
pub(super) fn config(settings: &Settings) -> Result<ClientConfig, String> {
    let mut roots = RootCertStore::empty();
    if let Some(path) = &settings.certificate {
        for certificate in certificates(path)? {
            roots.add(certificate).map_err(|error| unusable(path, &error))?;
        }
    } else if settings.endpoint.scheme() == Some(&Scheme::HTTPS) {
        let (found, _) =
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if found == 0 {
            return Err("this host has no certificates to trust: install ca-certificates, or set \
                 OTEL_EXPORTER_OTLP_CERTIFICATE to those of the collector"
                .to_owned());
        }
    }
    // No default is set for the process: the libraries linked may bring several.
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots);
    let Some((key, certificate)) = &settings.client else {
        return Ok(builder.with_no_client_auth());
    };
    let chain = certificates(certificate)?;
    let private = PrivateKeyDer::from_pem_file(key).map_err(|error| unusable(key, &error))?;
    builder.with_client_auth_cert(chain, private).map_err(|error| unusable(key, &error))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    match read {
        Ok(read) if read.is_empty() => Err(format!("{} holds no certificate", path.display())),
        read => read.map_err(|error| unusable(path, &error)),
    }
}

fn unusable(path: &Path, error: &dyn std::fmt::Display) -> String {
    format!("{} cannot be used: {error}", path.display())
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::super::settings::Signal;
    use super::*;

    fn of(set: &[(&str, &Path)]) -> Result<ClientConfig, String> {
        let variables = |key: &str| {
            let found = set.iter().find(|(name, _)| *name == key);
            found.map(|(_, path)| path.display().to_string())
        };
        config(&Settings::read(Signal::Logs, &variables).unwrap())
    }

    #[test]
    fn a_file_that_is_missing_or_holds_none_is_named() {
        let none = Path::new("/nowhere.pem");
        let error = of(&[("OTEL_EXPORTER_OTLP_CERTIFICATE", none)]).unwrap_err();
        assert!(error.starts_with("/nowhere.pem cannot be used"), "{error}");
        let mut file = tempfile::NamedTempFile::new().unwrap();
        writeln!(file, "no certificate").unwrap();
        let error = of(&[("OTEL_EXPORTER_OTLP_CERTIFICATE", file.path())]).unwrap_err();
        assert!(error.contains("holds no certificate"), "{error}");
    }

    #[test]
    fn without_encryption_nothing_is_read() {
        assert!(of(&[]).is_ok());
    }
}
