//! The TLS side of a poll: a fresh configuration for each handshake, which verifies what the
//! endpoint presents and keeps it as evidence whatever comes of it.

use std::fmt;
use std::sync::Arc;

use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::time_provider::TimeProvider;
use rustls::{
    CipherSuite, ClientConfig, DigitallySignedStruct, SignatureScheme, SupportedCipherSuite,
};

use super::denied;
use super::handshake::Handshake;
use super::memo::Memo;
use super::presented::PresentedChain;
use super::refusal::PollRefusal;
use super::svid;
use super::web::WebRoots;
use anchorwatch_core::spiffe::SpiffeId;
use anchorwatch_core::time::{Clock, Timestamp};
use anchorwatch_core::watch::{FailureReason, Presented, Trust};

/// How an endpoint must prove who it is.
#[derive(Clone, Debug)]
pub(super) enum Proof {
    /// By the X509-SVID of this ID, signed by an authority of this bundle.
    Svid { id: SpiffeId, trust: Trust },
    /// By a certificate for its host that ends in one of these roots.
    Web(Arc<WebRoots>),
}

/// What all handshakes share.
#[derive(Debug)]
pub(super) struct TlsContext {
    provider: Arc<CryptoProvider>,
    time: Arc<ClockTime>,
    memo: Memo,
}

impl TlsContext {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        let mut provider = rustls::crypto::aws_lc_rs::default_provider();
        // Bundles are public, so 128 bits are plenty, and SHA-256 is quicker than SHA-384. The
        // order is the one of Mozilla's intermediate profile, too (Federation, 5).
        provider.cipher_suites.sort_by_key(|suite| prefers_sha_384(*suite));
        Self {
            provider: Arc::new(provider),
            time: Arc::new(ClockTime(clock)),
            memo: Memo::default(),
        }
    }

    /// A configuration for one handshake. Nothing is shared with the next: a resumed session would
    /// not show its certificates, and would outlive a change of trust.
    pub(super) fn config(
        self: &Arc<Self>,
        proof: Proof,
        handshake: Arc<Handshake>,
    ) -> Result<ClientConfig, rustls::Error> {
        let builder = ClientConfig::builder_with_details(self.provider.clone(), self.time.clone())
            .with_safe_default_protocol_versions()?;
        let verifier = Verifier { context: self.clone(), proof, handshake: handshake.clone() };
        let mut config = builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_client_cert_resolver(handshake);
        config.resumption = Resumption::disabled();
        config.enable_early_data = false;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(config)
    }
}

fn prefers_sha_384(suite: SupportedCipherSuite) -> bool {
    suite.suite() == CipherSuite::TLS13_AES_256_GCM_SHA384
}

/// The watch's clock, as rustls asks it.
struct ClockTime(Arc<dyn Clock>);

impl TimeProvider for ClockTime {
    fn current_time(&self) -> Option<UnixTime> {
        let seconds = u64::try_from(self.0.now().as_unix()).ok()?;
        Some(UnixTime::since_unix_epoch(std::time::Duration::from_secs(seconds)))
    }
}

impl fmt::Debug for ClockTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClockTime")
    }
}

#[derive(Debug)]
struct Verifier {
    context: Arc<TlsContext>,
    proof: Proof,
    handshake: Arc<Handshake>,
}

impl Verifier {
    fn verify(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        host: &ServerName<'_>,
        now: Timestamp,
    ) -> Result<(), PollRefusal> {
        let algorithms = self.context.provider.signature_verification_algorithms.all;
        match &self.proof {
            Proof::Svid { id, trust } => {
                let key = Memo::key(leaf, intermediates, trust, id);
                if let Some(presented) = self.context.memo.recall(&key, now) {
                    self.handshake.keep(Some(presented));
                    return Ok(());
                }
                let chain = PresentedChain::read(leaf, intermediates);
                let evidence = chain.evidence();
                self.handshake.keep(evidence.clone());
                let verified = svid::verify(&chain, trust, id, algorithms, now)?;
                if let Some(evidence) = evidence {
                    let svid::VerifiedSvid { anchor, path, validity } = verified;
                    let presented = Presented { anchor: Some(anchor), path, ..evidence };
                    self.handshake.keep(Some(presented.clone()));
                    self.context.memo.remember(key, validity, presented, now);
                }
            }
            Proof::Web(roots) => {
                let chain = PresentedChain::read(leaf, intermediates);
                let evidence = chain.evidence();
                self.handshake.keep(evidence.clone());
                let above = roots.verify(&chain, host, algorithms, now)?;
                let anchor = above.last().map(|root| root.fingerprint);
                let own = chain.leaf_parsed.as_ref().map(|parsed| denied::key_of(leaf, parsed));
                let path = own.into_iter().chain(above).collect();
                self.handshake.keep(evidence.map(|evidence| Presented {
                    anchor,
                    path,
                    ..evidence
                }));
            }
        }
        Ok(())
    }

    /// An endpoint that presents what is not its own has proved nothing.
    fn judge(
        &self,
        signature: Result<HandshakeSignatureValid, rustls::Error>,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        signature.map_err(|error| {
            self.handshake.disown();
            let detail =
                format!("it does not hold the key of the certificate it presents: {error}");
            PollRefusal::new(FailureReason::Tls, detail).into_rustls()
        })
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let now = Timestamp::from_unix(i64::try_from(now.as_secs()).unwrap_or(i64::MAX));
        match self.verify(end_entity, intermediates, server_name, now) {
            Ok(()) => Ok(ServerCertVerified::assertion()),
            Err(refusal) => Err(refusal.into_rustls()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.context.provider.signature_verification_algorithms;
        self.judge(verify_tls12_signature(message, cert, dss, algorithms))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.context.provider.signature_verification_algorithms;
        self.judge(verify_tls13_signature(message, cert, dss, algorithms))
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        // They go into the ClientHello, which is written as soon as there is a connection, so this
        // is the one place that tells a refused connection from a broken handshake.
        self.handshake.begin();
        self.context.provider.signature_verification_algorithms.supported_schemes()
    }
}
