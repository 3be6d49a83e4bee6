"""LangChain messages."""
