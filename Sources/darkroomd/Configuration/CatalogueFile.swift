// The admin's own rows of the catalogue: a price that changed, a model that this version does not know yet.

import Foundation
import Gemini

/// Reads the file that the key `catalogue` names.
enum CatalogueFile {
    /// The shipped catalogue with the admin's rows over it; the shipped one when no file is named.
    static func read(
        _ reader: inout SettingReader, else shipped: Catalogue
    ) throws(ConfigurationError) -> Catalogue {
        guard let path = try reader.string("catalogue") else { return shipped }
        guard path.hasPrefix("/") else { throw reader.invalid("catalogue", "has to be an absolute path") }
        guard let data = FileManager.default.contents(atPath: path) else {
            throw reader.invalid("catalogue", "names \(path), which the daemon's user cannot read")
        }
        do throws(CatalogueError) {
            return try Catalogue.shipped(overriddenBy: Array(data))
        } catch {
            throw ConfigurationError(origin: .init(file: path), reason: "\(error)")
        }
    }
}
