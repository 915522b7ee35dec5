"""Certificates of one's own: made once, found again, renewed when spoiled."""

import contextlib
import datetime
import ssl
import stat

import anyio
import pytest
from cryptography import x509

from anyrelay import RelayClient
from anyrelay.local import LocalRelay, SimulatedPhones
from anyrelay.local.server import certificates
from anyrelay.local.server.certificates import find_or_make


def serial(path):
    return x509.load_pem_x509_certificates(path.read_bytes())[0].serial_number


def test_they_are_made_once(tmp_path):
    directory = tmp_path / "new" / "tls"
    made = find_or_make(directory)
    assert stat.S_IMODE(made.key_file.stat().st_mode) == 0o600
    assert stat.S_IMODE((directory / "ca.key").stat().st_mode) == 0o600
    again = find_or_make(directory)
    assert serial(made.chain_file) == serial(again.chain_file)
    assert {path.name for path in directory.iterdir()} == {"ca.pem", "ca.key", "server.pem", "server.key"}


@pytest.mark.anyio
async def test_they_are_renewed_while_the_server_runs(tmp_path, monkeypatch):
    monkeypatch.setattr("anyrelay.local.server.certificates.CERTIFICATE_CHECK", 0.05)
    life = certificates.LIFE
    monkeypatch.setattr(certificates, "LIFE", certificates.RENEW_BEFORE + datetime.timedelta(seconds=1))
    async with LocalRelay(SimulatedPhones(), tls_dir=tmp_path) as relay:
        monkeypatch.setattr(certificates, "LIFE", life)
        before = relay._tls
        async with RelayClient(project="p", token="t", host=relay.url, ca_file=relay.ca_file) as early:
            with anyio.fail_after(20):
                while relay._tls is before:
                    await anyio.sleep(0.05)
            # Who is connected stays so; who connects now gets the new certificate.
            async with RelayClient(project="p", token="t", host=relay.url, ca_file=relay.ca_file) as late:
                assert early.relay_protocol != late.relay_protocol
                assert early.statistics()["connections"] == 1
    assert relay._certificate.serial == serial(tmp_path / "server.pem")


@pytest.mark.anyio
async def test_certificates_that_cannot_be_renewed_are_logged_and_the_old_ones_go_on(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr("anyrelay.local.server.certificates.CERTIFICATE_CHECK", 0.01)
    async with LocalRelay(SimulatedPhones(), tls_dir=tmp_path) as relay:

        def fail(_):
            raise PermissionError("no")

        monkeypatch.setattr(certificates, "find_or_make", fail)
        with anyio.fail_after(10):
            while "cannot be renewed" not in caplog.text:
                await anyio.sleep(0.01)
        async with RelayClient(project="p", token="t", host=relay.url, ca_file=relay.ca_file) as client:
            assert client.relay_protocol


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "::1"])
def test_they_are_good_for_this_machine(tmp_path, name):
    made = find_or_make(tmp_path)
    server, client = made.server_context(), ssl.create_default_context(cafile=str(made.ca_file))
    client.verify_flags |= ssl.VERIFY_X509_STRICT
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ours = server.wrap_bio(to_server, to_client, server_side=True)
    theirs = client.wrap_bio(to_client, to_server, server_hostname=name)
    for _ in range(4):
        for side in (theirs, ours):
            with contextlib.suppress(ssl.SSLWantReadError):
                side.do_handshake()
    assert theirs.version() is not None
    assert theirs.version() >= "TLSv1.2"


def test_the_authority_stays_when_the_servers_certificate_is_spoiled(tmp_path):
    made = find_or_make(tmp_path)
    authority, before = serial(made.ca_file), serial(made.chain_file)
    made.key_file.write_text("spoiled")
    find_or_make(tmp_path)
    assert serial(made.ca_file) == authority
    assert serial(made.chain_file) != before


def test_a_lost_authority_takes_the_servers_certificate_with_it(tmp_path):
    made = find_or_make(tmp_path)
    before = serial(made.chain_file)
    (tmp_path / "ca.key").unlink()
    find_or_make(tmp_path)
    assert serial(made.chain_file) != before


def test_a_key_of_another_certificate_is_noticed(tmp_path):
    made = find_or_make(tmp_path / "one")
    other = find_or_make(tmp_path / "other")
    made.key_file.write_bytes(other.key_file.read_bytes())
    before = serial(made.chain_file)
    find_or_make(tmp_path / "one")
    assert serial(made.chain_file) != before


def test_one_that_is_about_to_run_out_is_renewed(tmp_path, monkeypatch):
    monkeypatch.setattr(certificates, "LIFE", datetime.timedelta(days=6))
    made = find_or_make(tmp_path)
    before = serial(made.ca_file)
    monkeypatch.undo()
    find_or_make(tmp_path)
    assert serial(made.ca_file) != before


def test_without_cryptography(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "cryptography", None)
    with pytest.raises(certificates.CertificatesMissingError, match=r"anyrelay\[cli\]"):
        find_or_make(tmp_path)
