"""The server's own certificate authority and certificate, made once in a directory, and good for this machine only."""

from __future__ import annotations

import datetime
import ipaddress
import os
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

import anyio
import anyio.to_thread
from attrs import evolve, frozen

from anyrelay.local.logs import logger_of

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

__all__ = ["CertificatesMissingError", "ServerCertificate", "find_or_make"]

NAMES: Final = ("localhost",)
"""The names that the server's certificate is good for."""

ADDRESSES: Final = ("127.0.0.1", "::1")
"""The addresses that the server's certificate is good for."""

LIFE: Final = datetime.timedelta(days=365)
"""How long certificates are good: as long as clients accept."""

CERTIFICATE_CHECK: Final = 3_600.0
"""Seconds between two looks at the certificates, which are renewed in time."""

RENEW_BEFORE: Final = datetime.timedelta(days=7)
"""The least time that a certificate must still be good to be used again."""


logger = logger_of(__name__)


class CertificatesMissingError(RuntimeError):
    """``cryptography`` is not installed, so no certificate can be made."""


@frozen
class ServerCertificate:
    """The files of a server's certificate and of the authority that signed it."""

    ca_file: Path
    """The authority's certificate, which clients must trust (PEM)."""
    chain_file: Path
    """The server's certificate and the authority's (PEM)."""
    key_file: Path
    """The server's private key (PEM), which only its owner may read."""
    serial: int = 0
    """The serial number of the server's certificate, which tells a renewed certificate from the old."""

    def server_context(self) -> ssl.SSLContext:
        """Return a TLS context for the server, TLS 1.2 at least."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self.chain_file, self.key_file)
        return context


def find_or_make(directory: str | os.PathLike[str]) -> ServerCertificate:
    """Find the certificates in a directory, and make those that are missing, damaged or about to expire.

    The authority is kept as long as it is good, so that clients which trust it need not be changed.

    Args:
        directory: The directory of the certificates, which is made if it is missing.

    Raises:
        CertificatesMissingError: cryptography is needed and not installed.
        OSError: The directory cannot be read or written.
    """
    try:
        import cryptography  # noqa: F401
    except ImportError:
        raise CertificatesMissingError(
            "certificates are made with cryptography: install anyrelay[cli], or serve without --tls-dir"
        ) from None
    path = Path(directory)
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = ServerCertificate(path / "ca.pem", path / "server.pem", path / "server.key")
    authority = _found(found.ca_file, path / "ca.key")
    if authority is None:
        authority = _make_authority()
        _write(path / "ca.key", _key_pem(authority[1]), 0o600)
        _write(found.ca_file, _pem(authority[0]), 0o644)
    server = _found(found.chain_file, found.key_file)
    if server is None or not _signed_by(server[0], authority[0]):
        server = _make_server(*authority)
        _write(found.key_file, _key_pem(server[1]), 0o600)
        _write(found.chain_file, _pem(server[0]) + _pem(authority[0]), 0o644)
    return evolve(found, serial=server[0].serial_number)


async def keep_renewed(
    directory: str | os.PathLike[str], certificate: ServerCertificate, renewed: Callable[[ServerCertificate], None]
) -> None:
    """Renew the certificates of a directory before they expire, until cancelled.

    Args:
        directory: The directory.
        certificate: The certificate that is used now.
        renewed: Called with each new certificate, for new connections.
    """
    while True:
        await anyio.sleep(CERTIFICATE_CHECK)
        try:
            found = await anyio.to_thread.run_sync(find_or_make, directory)
            if found != certificate:
                certificate = found
                renewed(certificate)
                logger.info("the server's certificate was renewed")
        except (OSError, ValueError, RuntimeError):
            logger.exception("the server's certificates cannot be renewed")


def _found(certificate_file: Path, key_file: Path) -> tuple[x509.Certificate, EllipticCurvePrivateKey] | None:
    """Return a certificate and its key when both are there, belong together and are good for some days to come."""
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        certificate = x509.load_pem_x509_certificates(certificate_file.read_bytes())[0]
        key = load_pem_private_key(key_file.read_bytes(), None)
    except (FileNotFoundError, ValueError, TypeError):
        return None
    now = datetime.datetime.now(datetime.UTC)
    if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc - RENEW_BEFORE:
        return None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or certificate.public_key() != key.public_key():
        return None
    return certificate, key


def _signed_by(certificate: x509.Certificate, authority: x509.Certificate) -> bool:
    from cryptography.exceptions import InvalidSignature

    try:
        certificate.verify_directly_issued_by(authority)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _make_authority() -> tuple[x509.Certificate, EllipticCurvePrivateKey]:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    # Each authority has a name of its own, or a client that trusts two authorities could try the wrong one.
    name = _name(f"anyrelay local CA {x509.random_serial_number():x}"[:64])
    builder = _builder(name, name, key).add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    usage = x509.KeyUsage(
        digital_signature=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )
    builder = builder.add_extension(usage, critical=True)
    builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    return builder.sign(key, hashes.SHA256()), key


def _make_server(
    authority: x509.Certificate, authority_key: EllipticCurvePrivateKey
) -> tuple[x509.Certificate, EllipticCurvePrivateKey]:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID

    key = ec.generate_private_key(ec.SECP256R1())
    names: list[x509.GeneralName] = [x509.DNSName(name) for name in NAMES]
    names += [x509.IPAddress(ipaddress.ip_address(address)) for address in ADDRESSES]
    builder = (
        _builder(_name("anyrelay local server"), authority.subject, key)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        # Strict verifiers (Python 3.13's default) want it (RFC 5280 section 4.2.1.1).
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()), critical=False)
    )
    return builder.sign(authority_key, hashes.SHA256()), key


def _name(common_name: str) -> x509.Name:
    from cryptography import x509

    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, common_name)])


def _builder(subject: x509.Name, issuer: x509.Name, key: EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    from cryptography import x509

    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        # A little in the past: clocks differ.
        .not_valid_before(now - datetime.timedelta(minutes=5))
        .not_valid_after(now + LIFE)
    )


def _pem(certificate: x509.Certificate) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding

    return certificate.public_bytes(Encoding.PEM)


def _key_pem(key: EllipticCurvePrivateKey) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _write(path: Path, content: bytes, mode: int) -> None:
    """Write a file that has its mode from the first moment, in place of one that is there."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    fresh.replace(path)
