"""The receive buffer of a socket that the SIP stack has opened itself."""

from __future__ import annotations

import os
import socket

from anyrelay.local.sip.addresses import enlarge_receive_buffer, joined_address


def test_the_receive_buffer_of_a_udp_socket_is_enlarged_by_its_address() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as opened:
        opened.bind(("127.0.0.1", 0))
        address = joined_address(*opened.getsockname())
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        small = opened.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
        files = len(os.listdir("/dev/fd"))
        granted = enlarge_receive_buffer(address)
        assert granted == opened.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
        assert granted > 10 * small
        assert len(os.listdir("/dev/fd")) == files


def test_a_socket_that_this_process_has_not_opened_is_not_found() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as opened:
        opened.bind(("127.0.0.1", 0))
        assert enlarge_receive_buffer(joined_address(*opened.getsockname())) == 0
