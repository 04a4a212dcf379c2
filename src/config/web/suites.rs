//! What TLS is made of: cipher suites and groups.

use std::sync::Arc;

use rustls::NamedGroup;
use rustls::crypto::{CryptoProvider, aws_lc_rs};

use super::given;
use super::keys::{CIPHERS, CURVES};
use super::tls::Reader;
use crate::config::place::quoted;
use crate::config::reader::Value;
use crate::config::schema::one_of;

impl<'t> Reader<'_, 't> {
    pub(super) fn provider(&mut self) -> Arc<CryptoProvider> {
        let mut provider = aws_lc_rs::default_provider();
        if let Some(value) = given(&self.fields, &CIPHERS).cloned() {
            self.suites(&value, &mut provider);
        }
        if let Some(value) = given(&self.fields, &CURVES).cloned() {
            self.groups(&value, &mut provider);
        }
        Arc::new(provider)
    }

    /// As in Go, the list is of TLS 1.2, and TLS 1.3 has all of its suites always.
    fn suites(&mut self, value: &Value<'t>, provider: &mut CryptoProvider) {
        let Some(words) = self.list(value, "a list of cipher suites") else { return };
        if words.is_empty() {
            return;
        }
        let all = std::mem::take(&mut provider.cipher_suites);
        let (modern, older): (Vec<_>, Vec<_>) =
            all.into_iter().partition(|suite| suite.tls13().is_some());
        provider.cipher_suites = modern;
        for (element, word) in words {
            // rustls names the suites of TLS 1.3 apart, as `TLS13_…`.
            let modern = word.strip_prefix("TLS_").map(|rest| format!("TLS13_{rest}"));
            let named = |suite: &&rustls::SupportedCipherSuite| {
                let name = suite.suite().as_str();
                name == Some(word) || modern.is_some() && name == modern.as_deref()
            };
            if provider.cipher_suites.iter().any(|suite| named(&suite)) {
                continue;
            }
            if let Some(suite) = older.iter().find(named) {
                provider.cipher_suites.push(*suite);
                continue;
            }
            let choices: Vec<_> = older.iter().filter_map(|suite| suite.suite().as_str()).collect();
            let message = format!("rustls has no cipher suite {}", quoted(word));
            let hint = format!("whoever wrote the list must choose of {}", one_of(&choices));
            element.fault(self.report, message, hint);
        }
    }

    fn groups(&mut self, value: &Value<'t>, provider: &mut CryptoProvider) {
        let Some(words) = self.list(value, "a list of curves") else { return };
        if words.is_empty() {
            return;
        }
        let all = std::mem::take(&mut provider.kx_groups);
        for (element, word) in words {
            let group = match word {
                "CurveP256" => Some(NamedGroup::secp256r1),
                "CurveP384" => Some(NamedGroup::secp384r1),
                "X25519" => Some(NamedGroup::X25519),
                _ => None,
            };
            if let Some(known) = all.iter().find(|known| Some(known.name()) == group) {
                provider.kx_groups.push(*known);
                continue;
            }
            let message = format!("rustls has no curve {}", quoted(word));
            let hint = "whoever wrote the list must choose of X25519, CurveP256 and CurveP384; \
                        without the list, X25519MLKEM768 is offered first";
            element.fault(self.report, message, hint);
        }
    }
}
