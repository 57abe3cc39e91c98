"""What model servers speak: a chat as the bytes that are posted, and what comes back as parts. No network.

openai      the OpenAI-compatible format
"""
