"""What model servers speak: a chat as the bytes that are posted, and what comes back as parts. No network.

format      what a format has to tell
openai      the OpenAI-compatible format
"""
