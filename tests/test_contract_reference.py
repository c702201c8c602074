import pytest
from unittest.mock import Mock, patch, MagicMock
from exporter.docker_client import DockerClient, get_docker_client

class TestDockerClient:
    """Test suite for Docker client."""
    
    @pytest.fixture
    def mock_docker_client(self):
        """Create mock Docker client."""
        client = Mock(spec=DockerClient)
        return client
    
    def test_is_container_running_true(self):
        """Test container running check when running."""
        client = get_docker_client()
        with patch.object(client, '_sdk_available', True):
            with patch.object(client, '_client') as mock_client:
                container = Mock()
                container.status = "running"
                mock_client.containers.get.return_value = container
                
                assert client.is_container_running("contimg-stream") is True
    
    def test_is_container_running_false(self):
        """Test container running check when stopped."""
        client = get_docker_client()
        with patch.object(client, '_sdk_available', True):
            with patch.object(client, '_client') as mock_client:
                container = Mock()
                container.status = "stopped"
                mock_client.containers.get.return_value = container
                
                assert client.is_container_running("contimg-stream") is False
    
    def test_start_container_success(self):
        """Test successful container start."""
        client = get_docker_client()
        with patch.object(client, '_sdk_available', True):
            with patch.object(client, '_client') as mock_client:
                container = Mock()
                mock_client.containers.get.return_value = container
                
                result = client.start_container("contimg-stream")
                assert result["success"] is True
                container.start.assert_called_once()
    
    def test_start_container_not_found(self):
        """Test starting non-existent container."""
        client = get_docker_client()
        with patch.object(client, '_sdk_available', True):
            with patch.object(client, '_client') as mock_client:
                import docker.errors
                mock_client.containers.get.side_effect = docker.errors.NotFound("Container not found")
                
                result = client.start_container("contimg-stream")
                assert result["success"] is False
                assert "not found" in result["message"].lower()
    
    def test_get_container_stats(self):
        """Test getting container statistics."""
        client = get_docker_client()
        with patch.object(client, '_sdk_available', True):
            with patch.object(client, '_client') as mock_client:
                container = Mock()
                container.stats.return_value = {
                    "cpu_stats": {
                        "cpu_usage": {"total_usage": 1000000000},
                        "system_cpu_usage": 2000000000,
                        "cpu_usage": {"percpu_usage": [1, 2, 3, 4]},
                    },
                    "precpu_stats": {
                        "cpu_usage": {"total_usage": 500000000},
                        "system_cpu_usage": 1000000000,
                    },
                    "memory_stats": {
                        "usage": 536870912,  # 512 MB
                        "limit": 1073741824,  # 1 GB
                    },
                }
                mock_client.containers.get.return_value = container
                
                stats = client.get_container_stats("contimg-stream")
                assert stats is not None
                assert "cpu_percent" in stats
                assert "memory_percent" in stats
                assert stats["memory_percent"] == 50.0  # 512MB / 1GB
