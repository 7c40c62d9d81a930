"""How a step is computed: number formats, fused and compiled operations, graphs, and which of them is quickest here."""
