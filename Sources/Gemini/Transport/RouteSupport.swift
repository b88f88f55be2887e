// Which parameter of a request each route can honour. The compatible layer takes what it does not know and ignores it,
// so the list says what is known to act, and everything else is refused before it costs anything.

/// What routes honour, by the names of the protocol's parameters.
package enum RouteSupport {
    /// The parameters that change what goes upstream; all others are the daemon's own and work on every route.
    private static let honoured: [String: Set<RouteKind>] = [
        "prompt": [.native, .openai, .vertex],
        "model": [.native, .openai, .vertex],
        // As so many calls of one image each.
        "count": [.native, .openai, .vertex],
        "aspectRatio": [.native, .vertex],
        "imageSize": [.native, .vertex],
        "inputs": [.native, .vertex],
        "continues": [.native, .vertex],
        "systemInstruction": [.native, .vertex],
        "seed": [.native, .vertex],
        "temperature": [.native, .vertex],
        "thinking": [.native, .vertex],
        "grounding": [.native, .vertex],
        "safety": [.native, .vertex],
        "native": [.native, .vertex],
        // The Developer API answers 400 "Unknown name" to these two.
        "personGeneration": [.vertex],
        "outputType": [.vertex],
    ]

    /// That a parameter acts on a route.
    package static func honours(_ parameter: String, on route: RouteKind) -> Bool {
        honoured[parameter]?.contains(route) ?? true
    }

    /// The routes on which a parameter acts, in their usual order.
    package static func routes(honouring parameter: String) -> [RouteKind] {
        RouteKind.allCases.filter { honours(parameter, on: $0) }
    }
}
