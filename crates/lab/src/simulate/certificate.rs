//! Certificates in SPIRE's shape and in shapes that SPIRE never gives, with a signature that
//! nobody could verify: an authority's is verified by nobody.

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};

use super::Random;
use super::der::{
    BIT_STRING, BOOLEAN, INTEGER, OBJECT_IDENTIFIER, OCTET_STRING, PRINTABLE_STRING, SEQUENCE, SET,
    element, explicit, implicit, integer, moment,
};
use super::key::SimulatedKey;
use anchorwatch_core::bundle::Validity;

/// `ecdsa-with-SHA256` (RFC 5758, 3.2).
const ECDSA_WITH_SHA256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02];
/// The attributes of a name (RFC 5280, A.1).
const COUNTRY: &[u8] = &[0x55, 0x04, 0x06];
const ORGANIZATION: &[u8] = &[0x55, 0x04, 0x0a];
const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];
const SERIAL_NUMBER: &[u8] = &[0x55, 0x04, 0x05];
/// The extensions (RFC 5280, 4.2.1).
const SUBJECT_KEY_IDENTIFIER: &[u8] = &[0x55, 0x1d, 0x0e];
const KEY_USAGE: &[u8] = &[0x55, 0x1d, 0x0f];
const SUBJECT_ALTERNATIVE_NAME: &[u8] = &[0x55, 0x1d, 0x11];
const BASIC_CONSTRAINTS: &[u8] = &[0x55, 0x1d, 0x13];
/// `keyCertSign` and `cRLSign`.
const CERTIFICATE_AND_CRL_SIGNING: &[u8] = &[0x03, 0x02, 0x01, 0x06];

/// Whose certificate it is.
#[derive(Clone, Copy, Debug)]
pub(super) enum CertificateSubject<'a> {
    /// `C=US,O=SPIFFE,serialNumber=…` and the trust domain's ID, as SPIRE gives them.
    Spire {
        /// The SPIFFE ID of the trust domain.
        id: &'a str,
    },
    /// A corporate root: a common name, and no URI name.
    Corporate {
        /// The common name.
        name: &'a str,
    },
}

/// A self-signed authority's certificate.
pub(super) fn authority(
    subject: CertificateSubject<'_>,
    key: &SimulatedKey,
    validity: Validity,
    random: &mut Random,
) -> Vec<u8> {
    let serial = random.bytes::<16>();
    let name = match subject {
        CertificateSubject::Spire { .. } => {
            let digits = u128::from_be_bytes(serial).to_string();
            name(&[(COUNTRY, "US"), (ORGANIZATION, "SPIFFE"), (SERIAL_NUMBER, &digits)])
        }
        CertificateSubject::Corporate { name: common } => {
            name(&[(COUNTRY, "US"), (ORGANIZATION, "Example"), (COMMON_NAME, common)])
        }
    };
    let algorithm = element(SEQUENCE, &[&element(OBJECT_IDENTIFIER, &[ECDSA_WITH_SHA256])]);
    let dates = element(SEQUENCE, &[&moment(validity.not_before), &moment(validity.not_after)]);
    let certified = element(
        SEQUENCE,
        &[
            // Version 3.
            &element(explicit(0), &[&element(INTEGER, &[&[2]])]),
            &integer(&serial),
            &algorithm,
            &name,
            &dates,
            &name,
            &key.spki(),
            &element(explicit(3), &[&extensions(subject, key)]),
        ],
    );
    let signature = element(SEQUENCE, &[&integer(&random.bytes::<32>()), &integer(&[1])]);
    element(SEQUENCE, &[&certified, &algorithm, &element(BIT_STRING, &[&[0], &signature])])
}

/// The identifier of a key, as SPIRE makes it (RFC 5280, 4.2.1.2: the SHA-1 of its bits).
pub(super) fn key_id(key: &SimulatedKey) -> Vec<u8> {
    digest(&SHA1_FOR_LEGACY_USE_ONLY, &key.bits()).as_ref().to_vec()
}

fn name(attributes: &[(&[u8], &str)]) -> Vec<u8> {
    let mut sets = Vec::with_capacity(96);
    for (oid, value) in attributes {
        let oid = element(OBJECT_IDENTIFIER, &[oid]);
        let value = element(PRINTABLE_STRING, &[value.as_bytes()]);
        sets.extend(element(SET, &[&element(SEQUENCE, &[&oid, &value])]));
    }
    element(SEQUENCE, &[&sets])
}

fn extensions(subject: CertificateSubject<'_>, key: &SimulatedKey) -> Vec<u8> {
    let is_ca = element(SEQUENCE, &[&element(BOOLEAN, &[&[0xff]])]);
    let key_id = element(OCTET_STRING, &[&key_id(key)]);
    let mut all = [
        extension(KEY_USAGE, Criticality::Critical, CERTIFICATE_AND_CRL_SIGNING),
        extension(BASIC_CONSTRAINTS, Criticality::Critical, &is_ca),
        extension(SUBJECT_KEY_IDENTIFIER, Criticality::NotCritical, &key_id),
    ]
    .concat();
    if let CertificateSubject::Spire { id } = subject {
        let names = element(SEQUENCE, &[&element(implicit(6), &[id.as_bytes()])]);
        all.extend(extension(SUBJECT_ALTERNATIVE_NAME, Criticality::NotCritical, &names));
    }
    element(SEQUENCE, &[&all])
}

/// Whether who does not know an extension must refuse the certificate (RFC 5280, 4.2).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Criticality {
    Critical,
    NotCritical,
}

fn extension(oid: &[u8], criticality: Criticality, value: &[u8]) -> Vec<u8> {
    let oid = element(OBJECT_IDENTIFIER, &[oid]);
    let value = element(OCTET_STRING, &[value]);
    if criticality == Criticality::Critical {
        element(SEQUENCE, &[&oid, &element(BOOLEAN, &[&[0xff]]), &value])
    } else {
        element(SEQUENCE, &[&oid, &value])
    }
}
