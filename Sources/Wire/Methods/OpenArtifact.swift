// `artifact.open`: the bytes of a kept image.

/// Opens a kept image.
public enum OpenArtifact: Method {
    public static let name = "artifact.open"
    public static let access = Access.owner
    public typealias Result = ImageEntry

    public struct Params: MethodParams, Hashable {
        /// 64 hexadecimal digits, lower case.
        public var sha256: String
        public var delivery: Delivery?

        public init(sha256: String, delivery: Delivery? = nil) {
            self.sha256 = sha256
            self.delivery = delivery
        }

        public init(from reader: inout ParamReader) throws(WireError) {
            sha256 = try reader.require(try reader.string("sha256", bytes: 1...Limits.nameBytes), "sha256")
            guard sha256.utf8.count == 64, sha256.utf8.allSatisfy({ Self.digits.contains($0) }) else {
                throw reader.invalid("sha256", "has to be 64 hexadecimal digits in lower case")
            }
            delivery = try reader.token("delivery", Delivery.self)
        }

        private static let digits = Set("0123456789abcdef".utf8)
    }
}
