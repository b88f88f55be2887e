// The keys, one for each project, from the credentials directory. A key that is missing stops nobody from starting.

import Gemini
import Systemd

/// One project's key, or why there is none.
struct ProjectKey: Sendable {
    let key: ApiKey?
    let watch: KeyWatch

    /// Reads a credential: NAME, else NAME.plain, as the units load it.
    init(_ credential: String, directory: String?) {
        guard let directory else {
            key = nil
            watch = KeyWatch(credential: credential, fault: .missing(names: [credential]))
            return
        }
        let names = [credential, "\(credential).plain"]
        do throws(CredentialError) {
            let (name, key) = try CredentialsDirectory(path: directory).readKey(firstOf: names) { bytes in
                var text: [UInt8] = []
                for index in bytes.indices { text.append(bytes[index]) }
                return ApiKey(String(decoding: text, as: UTF8.self))
            }
            self.key = key
            watch = KeyWatch(credential: credential, fault: key == nil ? .malformed(name: name) : nil)
        } catch {
            key = nil
            watch = KeyWatch(credential: credential, fault: error)
        }
    }
}
