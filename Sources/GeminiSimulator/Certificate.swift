// The simulator's own certificate authority and the server certificate it signs.

import Crypto
import FoundationEssentials
import NIOSSL
import SwiftASN1
import X509

/// What may be wrong with the server's certificate on purpose.
public enum CertificateFault: String, CaseIterable, Sendable {
    case otherHost = "other-host"
    case expired
    case unknownAuthority = "unknown-authority"
}

/// A certificate authority, kept in a directory for the next start.
struct Authority {
    /// The file that clients are to trust.
    static let certificateFile = "ca.pem"
    private static let keyFile = "ca-key.pem"
    private static let day: TimeInterval = 24 * 60 * 60

    private let certificate: X509.Certificate
    private let key: X509.Certificate.PrivateKey

    /// Takes the authority kept in a directory, or makes one and keeps it there.
    init(directory: URL) throws {
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        let certificateFile = directory.appending(path: Self.certificateFile)
        let keyFile = directory.appending(path: Self.keyFile)
        if let certificatePEM = try? String(contentsOf: certificateFile, encoding: .utf8),
            let keyPEM = try? String(contentsOf: keyFile, encoding: .utf8),
            let certificate = try? X509.Certificate(pemEncoded: certificatePEM),
            let key = try? X509.Certificate.PrivateKey(pemEncoded: keyPEM),
            certificate.publicKey == key.publicKey, certificate.notValidAfter > Date.now + Self.day
        {
            self.init(certificate: certificate, key: key)
            return
        }
        try self.init()
        _ = FileManager.default.createFile(
            atPath: keyFile.path, contents: Data(try key.serializeAsPEM().pemString.utf8),
            attributes: [.posixPermissions: 0o600])
        try Data(certificate.serializeAsPEM().pemString.utf8).write(to: certificateFile, options: .atomic)
    }

    /// An authority of its own, kept nowhere.
    init() throws {
        let key = X509.Certificate.PrivateKey(P256.Signing.PrivateKey())
        let name = try DistinguishedName {
            CommonName("gemini-simulator test authority")
        }
        let certificate = try X509.Certificate(
            version: .v3, serialNumber: .init(), publicKey: key.publicKey, notValidBefore: Date.now - Self.day,
            notValidAfter: Date.now + 365 * Self.day, issuer: name, subject: name, signatureAlgorithm: .ecdsaWithSHA256,
            extensions: try X509.Certificate.Extensions {
                Critical(BasicConstraints.isCertificateAuthority(maxPathLength: 0))
                Critical(KeyUsage(keyCertSign: true, cRLSign: true))
                SubjectKeyIdentifier(hash: key.publicKey)
            }, issuerPrivateKey: key)
        self.init(certificate: certificate, key: key)
    }

    private init(certificate: X509.Certificate, key: X509.Certificate.PrivateKey) {
        self.certificate = certificate
        self.key = key
    }

    /// A server certificate for `localhost`, 127.0.0.1 and ::1, unless a fault is asked for.
    func serverConfiguration(fault: CertificateFault?) throws -> TLSConfiguration {
        let serverKey = P256.Signing.PrivateKey()
        let names: [GeneralName] =
            fault == .otherHost
            ? [.dnsName("example.invalid")]
            : [
                .dnsName("localhost"), .ipAddress(ASN1OctetString(contentBytes: [127, 0, 0, 1])),
                .ipAddress(ASN1OctetString(contentBytes: [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1])),
            ]
        let publicKey = X509.Certificate.PublicKey(serverKey.publicKey)
        let server = try X509.Certificate(
            version: .v3, serialNumber: .init(), publicKey: publicKey,
            notValidBefore: Date.now - 2 * Self.day,
            notValidAfter: fault == .expired ? Date.now - Self.day : Date.now + 90 * Self.day,
            issuer: certificate.subject,
            subject: try DistinguishedName { CommonName(fault == .otherHost ? "example.invalid" : "localhost") },
            signatureAlgorithm: .ecdsaWithSHA256,
            extensions: try X509.Certificate.Extensions {
                Critical(BasicConstraints.notCertificateAuthority)
                Critical(KeyUsage(digitalSignature: true))
                try ExtendedKeyUsage([.serverAuth])
                SubjectAlternativeNames(names)
                AuthorityKeyIdentifier(
                    keyIdentifier: SubjectKeyIdentifier(hash: certificate.publicKey).keyIdentifier)
                SubjectKeyIdentifier(hash: publicKey)
            }, issuerPrivateKey: key)
        var serializer = DER.Serializer()
        try serializer.serialize(server)
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: [.certificate(try NIOSSLCertificate(bytes: serializer.serializedBytes, format: .der))],
            privateKey: .privateKey(try NIOSSLPrivateKey(bytes: Array(serverKey.pemRepresentation.utf8), format: .pem)))
        configuration.applicationProtocols = ["http/1.1"]
        return configuration
    }
}
