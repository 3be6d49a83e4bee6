"""Ollama's own chat endpoint."""
