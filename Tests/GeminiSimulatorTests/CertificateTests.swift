// Start, end, and the certificates that are right or wrong on purpose.

import Foundation
import Testing

struct CertificateTests {
    @Test func theServerIsTrustedUnderAllItsNames() throws {
        let simulator = try RunningSimulator("--listen", "127.0.0.1:0")
        defer { simulator.stop() }
        for host in ["localhost", "127.0.0.1"] {
            let url = simulator.url.replacing("localhost", with: host) + "/models"
            #expect(try simulator.send(url).status == 200)
        }
    }

    /// curl(1): 60, the certificate cannot be verified.
    @Test(arguments: ["other-host", "expired", "unknown-authority"])
    func aBadCertificateIsNotTrusted(_ fault: String) throws {
        let simulator = try RunningSimulator("--bad-certificate", fault)
        defer { simulator.stop() }
        #expect(try simulator.send(simulator.url + "/models").exit == 60)
        #expect(try simulator.send(simulator.url + "/models", curl: ["--insecure"]).status == 200)
    }

    @Test func theAuthorityIsKeptForTheNextStart() throws {
        let first = try RunningSimulator()
        let authority = try #require(first.authority)
        let pem = try String(contentsOfFile: authority, encoding: .utf8)
        #expect(first.terminate() == 0)
        let second = try RunningSimulator(directory: first.directory)
        defer { second.stop() }
        #expect(try String(contentsOfFile: authority, encoding: .utf8) == pem)
        #expect(try second.send(second.url + "/models").status == 200)
    }

    @Test func itEndsWithItsInputAndWithASignal() throws {
        #expect(try RunningSimulator().stop() == 0)
        let simulator = try RunningSimulator()
        #expect(simulator.terminate() == 0)
        simulator.stop()
    }

    @Test func plaintextHasNoAuthority() throws {
        let simulator = try RunningSimulator("--plaintext")
        defer { simulator.stop() }
        #expect(simulator.authority == nil)
        #expect(simulator.url.hasPrefix("http://localhost:"))
        #expect(try simulator.send(simulator.url + "/models").status == 200)
        let cut = try simulator.generate(act: #"{"resetBeforeRead":true}"#)
        #expect(cut.exit == 56)
    }
}
