"""Pictures: domains, steps and branches as diagrams, drawn as SVG or written as Mermaid."""
