// swift-tools-version: 6.3

import PackageDescription

extension Target.Dependency {
    static let argumentParser = product(name: "ArgumentParser", package: "swift-argument-parser")
    static let asyncHTTPClient = product(name: "AsyncHTTPClient", package: "async-http-client")
    static let crypto = product(name: "Crypto", package: "swift-crypto")
    static let cryptoExtras = product(name: "CryptoExtras", package: "swift-crypto")
    static let grdb = product(name: "GRDB", package: "GRDB.swift")
    static let heap = product(name: "HeapModule", package: "swift-collections")
    static let lifecycle = product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
    static let logging = product(name: "Logging", package: "swift-log")
    static let nioConcurrencyHelpers = product(name: "NIOConcurrencyHelpers", package: "swift-nio")
    static let nioCore = product(name: "NIOCore", package: "swift-nio")
    static let nioHTTP1 = product(name: "NIOHTTP1", package: "swift-nio")
    static let nioPosix = product(name: "NIOPosix", package: "swift-nio")
    static let nioSSL = product(name: "NIOSSL", package: "swift-nio-ssl")
    static let sqlite = product(name: "GRDBSQLite", package: "GRDB.swift")
    static let swiftASN1 = product(name: "SwiftASN1", package: "swift-asn1")
    static let tomlKit = product(name: "TOMLKit", package: "TOMLKit")
    static let unixSignals = product(name: "UnixSignals", package: "swift-service-lifecycle")
    static let x509 = product(name: "X509", package: "swift-certificates")
}

// A target may import only what stands above it in this list, and only what it names here. The build enforces it
// (`--explicit-target-dependency-import-check error`); Tests/PackagingTests reads this file and the linked symbols too.

let package = Package(
    name: "darkroom",
    products: [
        .library(name: "DarkroomClient", targets: ["Client"]),
        .executable(name: "darkroomd", targets: ["darkroomd"]),
        .executable(name: "darkroom", targets: ["darkroom"]),
        .library(name: "GeminiSimulator", targets: ["GeminiSimulator"]),
        .executable(name: "gemini-simulator", targets: ["gemini-simulator"]),
        .executable(name: "darkroom-bench", targets: ["darkroom-bench"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.0"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.0"),
        .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
        .package(url: "https://github.com/LebJe/TOMLKit", from: "0.6.0"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.0"),
        .package(url: "https://github.com/apple/swift-certificates", from: "1.21.0"),
        .package(url: "https://github.com/apple/swift-asn1", from: "1.7.0"),
    ],
    targets: [
        .systemLibrary(name: "CSystemd", pkgConfig: "libsystemd", providers: [.apt(["libsystemd-dev"])]),
        .target(
            name: "CImageCodecs",
            linkerSettings: [.linkedLibrary("png"), .linkedLibrary("jpeg"), .linkedLibrary("z"), .linkedLibrary("m")]),
        .target(name: "CAncillary"),
        .target(name: "CBase64"),
        .target(
            name: "Systemd",
            dependencies: ["CSystemd", .logging]),
        .target(name: "Wire"),
        .target(name: "LineSocket", dependencies: ["CAncillary"]),
        .target(name: "ImageHeader"),
        .target(name: "Client", dependencies: ["CAncillary", "Wire", "LineSocket"]),
        .target(
            name: "Gemini",
            dependencies: [
                "ImageHeader", "CBase64",
                .asyncHTTPClient,
                .nioCore,
                .nioPosix,
                .nioHTTP1,
                .nioConcurrencyHelpers,
                .nioSSL,
                .crypto,
                .cryptoExtras,
            ],
            resources: [.embedInCode("catalogue.json")]),
        .target(name: "Quota"),
        .target(
            name: "Store",
            dependencies: [
                "CAncillary", "Wire", "ImageHeader",
                .grdb,
                .sqlite,
                .crypto,
            ]),
        .target(
            name: "Engine",
            dependencies: [
                "Wire", "Quota", "Store", "ImageHeader",
                .heap,
                .logging,
            ]),
        .executableTarget(
            name: "darkroomd",
            dependencies: [
                "CAncillary", "Systemd", "Wire", "LineSocket", "ImageHeader", "Gemini", "Quota", "Store", "Engine",
                .argumentParser,
                .crypto,
                .logging,
                .lifecycle,
                .unixSignals,
                .tomlKit,
            ]),
        .executableTarget(
            name: "darkroom",
            dependencies: [
                "CAncillary", "Wire", "ImageHeader", "Client",
                .argumentParser,
            ]),
        .target(
            name: "GeminiSimulator",
            dependencies: [
                "CImageCodecs",
                .nioCore,
                .nioPosix,
                .nioHTTP1,
                .nioSSL,
                .x509,
                .swiftASN1,
                .crypto,
                .cryptoExtras,
            ],
            resources: [.embedInCode("fixtures.txt")]),
        .executableTarget(name: "gemini-simulator", dependencies: ["GeminiSimulator", .argumentParser]),
        .executableTarget(
            name: "darkroom-bench",
            dependencies: [
                "CBase64", "Wire", "LineSocket", "Quota", "Store", "Engine",
                .argumentParser,
                .grdb,
                .logging,
                .nioCore,
                .nioPosix,
                .nioSSL,
            ]),
        .target(name: "TestKit", dependencies: ["CAncillary", "Wire", "LineSocket"], path: "Tests/TestKit"),
        .testTarget(name: "WireTests", dependencies: ["Wire"]),
        .testTarget(name: "LineSocketTests", dependencies: ["TestKit", "CAncillary", "LineSocket"]),
        .testTarget(name: "ImageHeaderTests", dependencies: ["ImageHeader"]),
        .testTarget(name: "CBase64Tests", dependencies: ["CBase64"]),
        .testTarget(
            name: "GeminiTests",
            dependencies: [
                "TestKit", "Gemini", "ImageHeader",
                .asyncHTTPClient,
                .nioCore,
                .nioPosix,
                .nioHTTP1,
                .nioConcurrencyHelpers,
                .nioSSL,
                .x509,
                .swiftASN1,
                .crypto,
                .cryptoExtras,
            ],
            resources: [.copy("Fixtures")]),
        .testTarget(name: "QuotaTests", dependencies: ["Quota"]),
        .testTarget(
            name: "StoreTests",
            dependencies: ["TestKit", "Wire", "Store", .grdb]),
        .testTarget(
            name: "EngineTests",
            dependencies: [
                "TestKit", "Wire", "Quota", "Store", "Engine", .logging,
                .grdb,
            ]),
        .testTarget(
            name: "SystemdTests", dependencies: ["Systemd", .logging]),
        .testTarget(name: "ClientTests", dependencies: ["TestKit", "Wire", "LineSocket", "Client"]),
        .testTarget(
            name: "GeminiSimulatorTests", dependencies: ["TestKit", "GeminiSimulator", "gemini-simulator"]),
        .testTarget(
            name: "DaemonTests",
            dependencies: [
                "TestKit", "CAncillary", "Wire", "LineSocket", "Gemini", "Quota", "Engine", "darkroomd", "darkroom",
                "gemini-simulator",
            ]),
        .testTarget(
            name: "CrashTests",
            dependencies: ["TestKit", "Wire", "Store", "darkroomd", "darkroom", "gemini-simulator", .grdb],
            exclude: ["failing.c"]),
        .testTarget(
            name: "CommandTests",
            dependencies: ["TestKit", "Wire", "darkroom"],
            exclude: ["Transcripts"]),
        .testTarget(name: "PackagingTests", dependencies: ["TestKit"]),
    ]
)

let strict: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .enableUpcomingFeature("InferIsolatedConformances"),
    .strictMemorySafety(),
    .treatAllWarnings(as: .error),
]

for target in package.targets where target.type != .system {
    target.swiftSettings = (target.swiftSettings ?? []) + strict
}
