// swift-tools-version: 6.3

import PackageDescription

// A target may import only what stands above it in this list, and only what it names here. The build enforces it
// (`--explicit-target-dependency-import-check error`); Tests/PackagingTests reads this file and the linked symbols too.

let package = Package(
    name: "darkroom",
    products: [
        .library(name: "DarkroomClient", targets: ["Client"]),
        .executable(name: "darkroomd", targets: ["darkroomd"]),
        .executable(name: "darkroom", targets: ["darkroom"]),
        .executable(name: "gemini-simulator", targets: ["GeminiSimulator"]),
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
            dependencies: ["CSystemd", .product(name: "Logging", package: "swift-log")]),
        .target(name: "Wire"),
        .target(name: "LineSocket", dependencies: ["CAncillary"]),
        .target(name: "ImageHeader"),
        .target(name: "Client", dependencies: ["CAncillary", "Wire", "LineSocket"]),
        .target(
            name: "Gemini",
            dependencies: [
                "ImageHeader", "CBase64",
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOConcurrencyHelpers", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
                .product(name: "Crypto", package: "swift-crypto"),
            ],
            resources: [.embedInCode("catalogue.json")]),
        .target(name: "Quota"),
        .target(
            name: "Store",
            dependencies: [
                "Wire",
                .product(name: "GRDB", package: "GRDB.swift"),
                .product(name: "Crypto", package: "swift-crypto"),
            ]),
        .target(
            name: "Engine",
            dependencies: [
                "Wire", "Quota", "Store", "ImageHeader",
                .product(name: "Logging", package: "swift-log"),
            ]),
        .executableTarget(
            name: "darkroomd",
            dependencies: [
                "CAncillary", "Systemd", "Wire", "LineSocket", "ImageHeader", "Gemini", "Quota", "Store", "Engine",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
                .product(name: "TOMLKit", package: "TOMLKit"),
            ]),
        .executableTarget(
            name: "darkroom",
            dependencies: [
                "CAncillary", "Wire", "Client",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ]),
        .executableTarget(
            name: "GeminiSimulator",
            dependencies: [
                "CImageCodecs",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
                .product(name: "X509", package: "swift-certificates"),
                .product(name: "SwiftASN1", package: "swift-asn1"),
                .product(name: "Crypto", package: "swift-crypto"),
            ],
            resources: [.embedInCode("fixtures.txt")]),
        .executableTarget(
            name: "darkroom-bench",
            dependencies: [
                "CBase64", "Wire", "LineSocket",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
            ]),
        .target(name: "TestKit", dependencies: ["CAncillary", "Wire", "LineSocket"], path: "Tests/TestKit"),
        .testTarget(name: "WireTests", dependencies: ["Wire"]),
        .testTarget(name: "LineSocketTests", dependencies: ["TestKit", "CAncillary", "LineSocket"]),
        .testTarget(name: "ImageHeaderTests", dependencies: ["ImageHeader"]),
        .testTarget(name: "CBase64Tests", dependencies: ["CBase64"]),
        .testTarget(
            name: "GeminiTests",
            dependencies: [
                "Gemini", "ImageHeader",
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOConcurrencyHelpers", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
                .product(name: "X509", package: "swift-certificates"),
                .product(name: "SwiftASN1", package: "swift-asn1"),
                .product(name: "Crypto", package: "swift-crypto"),
            ],
            resources: [.copy("Fixtures")]),
        .testTarget(name: "QuotaTests", dependencies: ["Quota"]),
        .testTarget(
            name: "StoreTests",
            dependencies: ["TestKit", "Wire", "Store", .product(name: "GRDB", package: "GRDB.swift")]),
        .testTarget(
            name: "EngineTests",
            dependencies: [
                "Wire", "Quota", "Store", "Engine", .product(name: "Logging", package: "swift-log"),
                .product(name: "GRDB", package: "GRDB.swift"),
            ]),
        .testTarget(
            name: "SystemdTests", dependencies: ["Systemd", .product(name: "Logging", package: "swift-log")]),
        .testTarget(name: "ClientTests", dependencies: ["TestKit", "Wire", "LineSocket", "Client"]),
        .testTarget(name: "GeminiSimulatorTests", dependencies: ["TestKit", "GeminiSimulator"]),
        .testTarget(
            name: "DaemonTests",
            dependencies: [
                "TestKit", "CAncillary", "Wire", "LineSocket", "Gemini", "Engine", "darkroomd", "darkroom",
                "GeminiSimulator",
            ]),
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
