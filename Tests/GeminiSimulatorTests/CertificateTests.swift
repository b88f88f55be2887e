// Start, end, and the certificates that are right or wrong on purpose.

import Foundation
import Testing
import TestKit

struct CertificateTests {
    @Test func theServerIsTrustedUnderAllItsNames() throws {
        let simulator = try RunningSimulator(key: nil)
        defer { #expect(simulator.stop() == 0) }
        for host in ["localhost", "127.0.0.1"] {
            let url = simulator.url.replacing("localhost", with: host) + "/models"
            #expect(try simulator.send(url).status == 200)
        }
    }

    /// curl(1): 60, the certificate cannot be verified.
    @Test(arguments: ["other-host", "expired", "unknown-authority"])
    func aBadCertificateIsNotTrusted(_ fault: String) throws {
        let simulator = try RunningSimulator(["--bad-certificate", fault], key: nil)
        defer { #expect(simulator.stop() == 0) }
        #expect(try simulator.send(simulator.url + "/models").exit == 60)
        #expect(try simulator.send(simulator.url + "/models", curl: ["--insecure"]).status == 200)
    }

    @Test func theAuthorityIsKeptForTheNextStart() throws {
        let first = try RunningSimulator(key: nil)
        let pem = try String(contentsOfFile: first.caFile, encoding: .utf8)
        #expect(first.terminate() == 0)
        let second = try RunningSimulator(key: nil, directory: first.directory)
        defer { #expect(second.stop() == 0) }
        #expect(try String(contentsOfFile: second.caFile, encoding: .utf8) == pem)
        #expect(try second.send(second.url + "/models").status == 200)
    }

    @Test func itEndsWithItsInputAndWithASignal() throws {
        #expect(try RunningSimulator(key: nil).stop() == 0)
        let simulator = try RunningSimulator(key: nil)
        #expect(simulator.terminate() == 0)
    }

    @Test func plaintextHasNoAuthority() throws {
        let simulator = try RunningSimulator(["--plaintext"], key: nil)
        defer { #expect(simulator.stop() == 0) }
        #expect(simulator.caFile == "")
        #expect(simulator.url.hasPrefix("http://localhost:"))
        #expect(try simulator.send(simulator.url + "/models").status == 200)
        let cut = try simulator.generate(act: #"{"resetBeforeRead":true}"#)
        #expect(cut.exit == 56)
    }
}
