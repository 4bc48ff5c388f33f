# SPDX-License-Identifier: Apache-2.0
"""Generated certificate authorities and server certificates (ECDSA P-256, for 127.0.0.1 and localhost)."""

import pathlib
import subprocess

_NEW_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]


def _openssl(*arguments):
    result = subprocess.run(["openssl", *map(str, arguments)], capture_output=True, text=True)
    if result.returncode != 0:
        raise RuntimeError(f"openssl {arguments[0]}: {result.stderr.strip()}")


class Authority:
    """A CA in `folder`; `cert` is the PEM file clients trust."""

    def __init__(self, folder, name="Message Mirror test CA"):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.key, self.cert = self.folder / "ca.key", self.folder / "ca.pem"
        _openssl("req", "-x509", *_NEW_KEY, "-keyout", self.key, "-out", self.cert, "-days", 30,
                 "-subj", f"/CN={name}", "-addext", "keyUsage=critical,keyCertSign,cRLSign")
        self.key.chmod(0o600)
        self.cert.chmod(0o644)

    def issue(self, name, names=("DNS:localhost", "IP:127.0.0.1"), days=20):
        """(certificate, key) of a server or client called `name`."""
        key, request = self.folder / f"{name}.key", self.folder / f"{name}.csr"
        cert, extra = self.folder / f"{name}.pem", self.folder / f"{name}.ext"
        _openssl("req", "-new", *_NEW_KEY, "-keyout", key, "-out", request, "-subj", f"/CN={name}")
        extra.write_text("basicConstraints=critical,CA:FALSE\nextendedKeyUsage=serverAuth,clientAuth\n"
                         f"subjectAltName={','.join(names)}\n")
        _openssl("x509", "-req", "-in", request, "-CA", self.cert, "-CAkey", self.key, "-CAcreateserial",
                 "-days", days, "-extfile", extra, "-out", cert)
        request.unlink()
        extra.unlink()
        key.chmod(0o600)
        return cert, key
