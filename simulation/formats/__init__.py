"""What the simulated model server speaks. Each module makes answers out of replies, as its format words them.

openai      chat completions
anthropic   the Messages API
gemini      generateContent and streamGenerateContent
"""
