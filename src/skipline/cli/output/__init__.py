"""How a command says what it does and found."""
