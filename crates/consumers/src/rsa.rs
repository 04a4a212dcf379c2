//! Whether the numbers of a private RSA key belong together, as Go's `rsa.PrivateKey.Validate`
//! asks. A published private key is a disaster whatever this says; what is asked here is only
//! whether the consumers that take it would.

use x509_parser::num_bigint::BigUint;

/// The longest number of a private key that is computed with, in bytes: those of RSA-4096.
const LONGEST: usize = 512;

/// The numbers of a private key, in big-endian bytes.
#[derive(Clone, Copy)]
pub(crate) struct Numbers<'a> {
    pub(crate) n: &'a [u8],
    pub(crate) e: i64,
    pub(crate) d: &'a [u8],
    pub(crate) p: &'a [u8],
    pub(crate) q: &'a [u8],
    /// `dp`, `dq` and `qi`, which count where all three are there.
    pub(crate) crt: Option<[&'a [u8]; 3]>,
}

/// Whether they belong together. A key that is longer than [`LONGEST`] counts as whole.
pub(crate) fn is_whole(numbers: &Numbers<'_>) -> bool {
    let crt = numbers.crt.into_iter().flatten();
    let mut all = [numbers.n, numbers.d, numbers.p, numbers.q].into_iter().chain(crt);
    all.any(|number| LONGEST < number.len()) || whole(numbers).is_some()
}

fn whole(numbers: &Numbers<'_>) -> Option<()> {
    let [one, two] = [BigUint::from(1_u8), BigUint::from(2_u8)];
    let [n, d, p, q] = [numbers.n, numbers.d, numbers.p, numbers.q].map(BigUint::from_bytes_be);
    let sound = one < n && one < p && one < q && d < n;
    sound.then_some(())?;
    let (p_less, q_less) = (&p - &one, &q - &one);
    let (dp, dq, qi) = if let Some(crt) = numbers.crt {
        let [dp, dq, qi] = crt.map(BigUint::from_bytes_be);
        (qi < p).then_some(())?;
        (dp, dq, qi)
    } else {
        (two < p && two < q && p.bit(0)).then_some(())?;
        // Fermat's theorem, which holds where p is prime.
        let qi = (&q % &p).modpow(&(&p - &two), &p);
        (&d % &p_less, &d % &q_less, qi)
    };
    let exponent = u32::try_from(numbers.e).ok().filter(|e| *e <= i32::MAX.unsigned_abs())?;
    let public = n.bit(0) && 2 <= exponent && exponent % 2 == 1;
    let product = p < n && q < n && (&p * &q) % &n == BigUint::ZERO;
    let exponents = one < p_less && one < q_less && dp < p_less && dq < q_less;
    (public && product && exponents).then_some(())?;
    let inverse = |part: &BigUint, modulus: &BigUint| part * exponent % modulus == one;
    let parts = inverse(&dp, &p_less) && inverse(&dq, &q_less);
    let coefficient = &q % &p * &qi % &p == one;
    let private = &d % &p_less == dp && &d % &q_less == dq;
    let distance = if p < q { &q - &p } else { &p - &q };
    // FIPS 186-5, A.1.3: the primes are far apart, and the exponent is long.
    let apart = distance != BigUint::ZERO && n.bits() / 2 < distance.bits() + 100;
    (parts && coefficient && private && apart && n.bits() / 2 < d.bits()).then_some(())
}
