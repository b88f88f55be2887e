// Which Darkroom this is: one number for the daemon, the command and the library, which are built and packaged together.

/// The release that this code belongs to.
public enum Release {
    public static let version = "0.1.0"
}
